// The same rule as in the processes: 32 bytes at least, 200 at most.
const DEVICE_TOKEN = /^(?:[0-9a-f]{2}){32,200}$/;

/** The one form that APNs takes, lower-case hex; null for what is no device token. */
export function normalizeDeviceToken(given: string): string | null {
  const hex = given.replace(/[\s<>]/g, '').toLowerCase();
  return DEVICE_TOKEN.test(hex) ? hex : null;
}

/** How backends store a device token: hex, upper case, and what iOS printed in old days. */
export function spellings(deviceToken: string): string[] {
  const grouped = deviceToken.replace(/.{8}(?=.)/g, '$& ');
  return [deviceToken, deviceToken.toUpperCase(), `<${grouped}>`, grouped, `<${deviceToken}>`];
}
