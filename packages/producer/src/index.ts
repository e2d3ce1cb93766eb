/** The public interface of the package: what a backend imports. */
export type { Connection } from './connection.ts';
export {
  InvalidNotificationError,
  MissingDriverError,
  ProducerError,
  ProducerOptionsError,
  UnknownDeviceTokenError,
} from './errors.ts';
export type { NotificationInput } from './notification-input.ts';
export { createProducer, type Enqueued, type Producer, type ProducerOptions } from './producer.ts';
export type { SchemaOption } from './schema.ts';
export type { NotificationStatus } from './status.ts';
export type { Publisher } from './wake-publisher.ts';
