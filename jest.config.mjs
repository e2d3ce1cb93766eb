const common = {
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { parser: { syntax: 'typescript' }, target: 'es2022' }, module: { type: 'es6' } },
    ],
  },
  moduleNameMapper: {
    '^@pushfleet/(producer|apns-simulator)$': '<rootDir>/packages/$1/src/index.ts',
    '^@pushfleet/app-(producer|worker|board)/(.*)$': '<rootDir>/apps/$1/src/$2.ts',
    '^@pushfleet/(shared|http2|apns-simulator|local-servers)/(.*)$': '<rootDir>/packages/$1/src/$2.ts',
  },
  testEnvironment: 'node',
  modulePathIgnorePatterns: ['<rootDir>/docs/site/'], // packages of its own
};

export default {
  // Of hooks too. Nothing here asserts a time: on a busy machine a start may take a while.
  testTimeout: 120_000,
  testSequencer: '<rootDir>/tests/order.mjs',
  projects: [
    { ...common, displayName: 'unit', testMatch: ['<rootDir>/{apps,packages}/*/src/**/*.test.ts'] },
    { ...common, displayName: 'integration', testMatch: ['<rootDir>/tests/integration/**/*.test.ts'] },
    { ...common, displayName: 'faults', testMatch: ['<rootDir>/tests/faults/**/*.test.ts'] },
    { ...common, displayName: 'contract', testMatch: ['<rootDir>/tests/contract/**/*.test.ts'] },
    { ...common, displayName: 'verify', testMatch: ['<rootDir>/tests/verify/**/*.test.ts'] },
    { ...common, displayName: 'browser', testMatch: ['<rootDir>/tests/browser/**/*.test.ts'] },
  ],
};
