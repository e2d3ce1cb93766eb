/** Looks for secrets in what left a process, in every spelling in which one is likely to be seen. */
export class SecretScan {
  readonly #needles: { readonly name: string; readonly text: string }[] = [];

  /** A text such as a password or a message: as it is, percent-encoded, as JSON, in hex and in base64. */
  addText(name: string, text: string): void {
    this.#add(name, text, encodeURIComponent(text), JSON.stringify(text).slice(1, -1));
    this.#addBytes(name, Buffer.from(text));
  }

  /** A device token, given in lower-case hex. */
  addDeviceToken(hex: string): void {
    const name = `device token ${hex.slice(0, 4)}…`;
    // Parts too: a line that was cut off, and groups with blanks between them.
    this.#add(name, hex.slice(0, 40), hex.slice(-40), hex.match(/.{8}/g)!.slice(1, 6).join(' '));
    this.#addBytes(name, Buffer.from(hex, 'hex'));
    this.#add(name, ...base64Cores(Buffer.from(hex)));
  }

  /** The names of what is found in the text, whatever its case. */
  found(text: string): string[] {
    const lower = text.toLowerCase();
    return [...new Set(this.#needles.filter((one) => lower.includes(one.text)).map((one) => one.name))];
  }

  #addBytes(name: string, bytes: Buffer): void {
    this.#add(name, bytes.toString('hex'), ...base64Cores(bytes));
  }

  #add(name: string, ...texts: string[]): void {
    for (const text of texts) this.#needles.push({ name, text: text.toLowerCase() });
  }
}

/** What base64 (and base64url) makes of bytes wherever they begin in a longer run, without the ends that depend on neighbours. */
function base64Cores(bytes: Buffer): string[] {
  return [0, 1, 2].flatMap((shift) => {
    const run = Buffer.concat([Buffer.alloc(shift), bytes]);
    return (['base64', 'base64url'] as const).map((kind) =>
      run
        .toString(kind)
        .slice(shift === 0 ? 0 : 4)
        .slice(0, -4),
    );
  });
}
