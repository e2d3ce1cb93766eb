/** The settings that the peer announces, with the checks of RFC 9113, 6.5.2. */
import {
  ConnectionError,
  DEFAULT_FRAME_SIZE,
  DEFAULT_TABLE_SIZE,
  DEFAULT_WINDOW,
  ErrorCode,
  LARGEST_FRAME_SIZE,
  LARGEST_WINDOW,
  SettingId,
} from './protocol.ts';

export class PeerSettings {
  headerTableSize = DEFAULT_TABLE_SIZE;
  /** The smallest that the last SETTINGS frame named, which may name several; our encoder must go through it. */
  smallestTableSize = DEFAULT_TABLE_SIZE;
  /** Infinity as long as the peer sets no limit. */
  maxConcurrentStreams = Number.POSITIVE_INFINITY;
  initialWindowSize = DEFAULT_WINDOW;
  maxFrameSize = DEFAULT_FRAME_SIZE;
  maxHeaderListSize = Number.POSITIVE_INFINITY;

  /**
   * Takes the payload of a SETTINGS frame; settings that nobody knows are passed over. `fromServer`: a
   * server may not allow pushes.
   *
   * @throws ConnectionError for a value that is out of range
   */
  apply(bytes: Buffer, start: number, end: number, fromServer: boolean): void {
    if ((end - start) % 6 !== 0)
      throw new ConnectionError(ErrorCode.FRAME_SIZE_ERROR, `SETTINGS of ${end - start} octets`);
    this.smallestTableSize = Number.POSITIVE_INFINITY;
    for (let at = start; at < end; at += 6) {
      this.#set(bytes.readUInt16BE(at), bytes.readUInt32BE(at + 2), fromServer);
    }
  }

  #set(id: number, value: number, fromServer: boolean): void {
    switch (id) {
      case SettingId.HEADER_TABLE_SIZE:
        this.headerTableSize = value;
        this.smallestTableSize = Math.min(this.smallestTableSize, value);
        break;
      case SettingId.ENABLE_PUSH:
        if (value > (fromServer ? 0 : 1)) throw outOfRange('ENABLE_PUSH', value, ErrorCode.PROTOCOL_ERROR);
        break;
      case SettingId.MAX_CONCURRENT_STREAMS:
        this.maxConcurrentStreams = value;
        break;
      case SettingId.INITIAL_WINDOW_SIZE:
        if (value > LARGEST_WINDOW)
          throw outOfRange('INITIAL_WINDOW_SIZE', value, ErrorCode.FLOW_CONTROL_ERROR);
        this.initialWindowSize = value;
        break;
      case SettingId.MAX_FRAME_SIZE:
        if (value < DEFAULT_FRAME_SIZE || value > LARGEST_FRAME_SIZE)
          throw outOfRange('MAX_FRAME_SIZE', value, ErrorCode.PROTOCOL_ERROR);
        this.maxFrameSize = value;
        break;
      case SettingId.MAX_HEADER_LIST_SIZE:
        this.maxHeaderListSize = value;
        break;
    }
  }
}

function outOfRange(name: string, value: number, code: number): ConnectionError {
  return new ConnectionError(code, `SETTINGS_${name} of ${value}`);
}
