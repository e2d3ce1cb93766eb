/** Tables as plain columns: no lines and no colours of their own, so that they read the same in a file. */
export const NO_LINES = { style: { head: [], border: [] }, chars: plainChars() };
