/** Tables as plain columns: no lines and no colours of their own, so that they read the same in a file. */
export const NO_LINES = { style: { head: [], border: [] }, chars: plainChars() };

function plainChars() {
  const none = Object.fromEntries(
    [
      'top',
      'top-mid',
      'top-left',
      'top-right',
      'bottom',
      'bottom-mid',
      'bottom-left',
      'bottom-right',
      'left',
      'left-mid',
      'mid',
      'mid-mid',
      'right',
      'right-mid',
    ].map((name) => [name, '']),
  );
  return { ...none, middle: ' ' };
}
