/**
 * @param {Record<string, unknown>} values of `parseArgs`
 * @returns {number} the option as a whole number
 * @throws {Error} that names the option and its bounds
 */
export function wholeOption(values, name, low, high) {
  const number = Number(values[name]);
  if (!Number.isInteger(number) || number < low || number > high)
    throw new Error(`--${name} must be a whole number from ${low} to ${high}`);
  return number;
}
