/** Reads the fields of one header block of a response, with the checks of RFC 9113, 8.1 to 8.3. */

export class ResponseHead {
  /** 0 if there is none, as in trailers. */
  status = 0;
  fields: Map<string, string> | undefined;
  contentLength = -1;
  /** What is wrong with it; empty if nothing is. */
  fault = '';
  #regularSeen = false;

  constructor(private readonly wanted: ReadonlySet<string>) {}

  begin(): void {
    this.status = 0;
    this.fields = undefined;
    this.contentLength = -1;
    this.fault = '';
    this.#regularSeen = false;
  }

  /** Status 1xx: the response itself is still to come. */
  get isInterim(): boolean {
    return this.status >= 100 && this.status < 200;
  }

  readonly add = (name: string, value: string): void => {
    if (name.charCodeAt(0) === COLON) return void this.#pseudo(name, value);
    this.#regularSeen = true;
    if (this.wanted.has(name)) {
      this.fields ??= new Map();
      this.fields.set(name, value);
    }
    if (name === 'content-length') this.#length(value);
    else if (CONNECTION_SPECIFIC.has(name)) this.fault ||= `field ${name} belongs to HTTP/1.1`;
    else if (!isFieldName(name)) this.fault ||= 'a field name that is none';
    if (!isFieldValue(value)) this.fault ||= `a value of ${printable(name)} that is none`;
  };

  #pseudo(name: string, value: string): void {
    if (name !== ':status') this.fault ||= `pseudo field ${printable(name)} in a response`;
    else if (this.#regularSeen) this.fault ||= ':status behind other fields';
    else if (this.status !== 0) this.fault ||= ':status twice';
    else if (!/^[1-5]\d\d$/.test(value)) this.fault ||= `:status "${printable(value)}"`;
    else this.status = Number(value);
  }

  #length(value: string): void {
    const length = /^\d{1,15}$/.test(value) ? Number(value) : -1;
    if (length < 0 || (this.contentLength >= 0 && this.contentLength !== length))
      this.fault ||= `content-length "${printable(value)}"`;
    else this.contentLength = length;
  }
}

const COLON = 0x3a;
const CONNECTION_SPECIFIC = new Set([
  'connection',
  'proxy-connection',
  'keep-alive',
  'transfer-encoding',
  'upgrade',
]);

/** No upper case, no control characters, no blanks, nothing beyond ASCII (RFC 9113, 8.2.1). */
function isFieldName(name: string): boolean {
  for (let i = 0; i < name.length; i++) {
    const char = name.charCodeAt(i);
    if (char <= 0x20 || char >= 0x7f || char === COLON || (char >= 0x41 && char <= 0x5a)) return false;
  }
  return name.length > 0;
}

/** No NUL and no line ends, no blank at either end (RFC 9113, 8.2.1). */
function isFieldValue(value: string): boolean {
  return (
    !BROKEN_VALUE.test(value) && !isBlank(value.charCodeAt(0)) && !isBlank(value.charCodeAt(value.length - 1))
  );
}

const BROKEN_VALUE = /[\0\n\r]/;

function isBlank(char: number): boolean {
  return char === 0x20 || char === 0x09;
}

function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?').slice(0, 40);
}
