/** Something that this library refuses. `code` names it for programs; the message says what to do. */
export abstract class ProducerError extends Error {
  abstract readonly code: string;
}

/** The options of `createProducer` cannot be used. */
export class ProducerOptionsError extends ProducerError {
  readonly code = 'PUSHFLEET_PRODUCER_OPTIONS';
}

/** A notification cannot be enqueued as it is. Lists all faults; its transaction should be rolled back. */
export class InvalidNotificationError extends ProducerError {
  readonly code = 'PUSHFLEET_INVALID_NOTIFICATION';
  constructor(readonly faults: readonly string[]) {
    super(`the notification cannot be enqueued: ${faults.join('; ')}`);
  }
}

/** The backend's table holds no row with these device tokens. Nothing was written. */
export class UnknownDeviceTokenError extends ProducerError {
  readonly code = 'PUSHFLEET_UNKNOWN_DEVICE_TOKEN';
  /** @param deviceTokens normalised; not part of the message, which may end in a log */
  constructor(readonly deviceTokens: readonly string[]) {
    super(
      `${deviceTokens.length} device token${deviceTokens.length === 1 ? ' is' : 's are'} in no row of the token table: ` +
        'store them first, or pass registerUnknown: true',
    );
  }
}

/** A URL was given, but the package that speaks to it is not installed. */
export class MissingDriverError extends ProducerError {
  readonly code = 'PUSHFLEET_MISSING_DRIVER';
  constructor(driver: 'mysql2' | 'ioredis', options: { readonly cause: unknown }) {
    super(`a URL needs the package ${driver}: npm install ${driver}`, options);
  }
}
