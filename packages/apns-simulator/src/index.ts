/** The public interface of the package: what tests of a sender import. */
export { makeServerCertificate, type ServerCertificate } from './certificate.ts';
export type { AnswerStep, CountRule, DeviceRule, Rule, Step } from './rule.ts';
export { ScriptError } from './script-error.ts';
export {
  type AcceptedInSecond,
  type AcceptedPush,
  type RequestRecord,
  type Simulator,
  type SimulatorOptions,
  startSimulator,
} from './simulator.ts';
export { makeSigningKey, type SeenAnswer, signProviderToken, TestClient } from './test-client.ts';
