import { createHash } from 'node:crypto';

/** The sample's devices, the same on every machine. Pure. */

export const SAMPLE_SIZE = 10_000;

/** How the simulator answers sample devices, by the beginning of their device tokens. */
export const SAMPLE_SCRIPT = `
device 410*  answer 410 Unregistered timestamp -60s
device bad0* answer 400 BadDeviceToken
device 429*  answer 429 TooManyRequests retry-after 1 times 1
device 503*  answer 503 ServiceUnavailable times 1
`;

export interface SampleGroup {
  readonly id: number;
  readonly name: string;
  has(device: number): boolean;
}

/** They overlap: everybody is in the first. */
export const SAMPLE_GROUPS: readonly SampleGroup[] = [
  { id: 1, name: 'Everyone', has: () => true },
  { id: 2, name: 'Newsletter', has: (device) => device % 5 < 3 },
  { id: 3, name: 'Berlin', has: (device) => device % 10 === 3 },
  { id: 4, name: 'Beta testers', has: (device) => device % 40 === 0 },
];

/** Which devices get which beginning: `device % every === rest`. */
const BEGINNINGS = [
  { beginning: '410', every: 250, rest: 17 },
  { beginning: 'bad0', every: 1_000, rest: 77 },
  { beginning: '429', every: 500, rest: 33 },
  { beginning: '503', every: 500, rest: 401 },
] as const;

/** A row of the backend's table for device 1 to SAMPLE_SIZE; its id is the device's number. */
export interface SampleRow {
  readonly id: number;
  readonly deviceToken: string;
  readonly active: boolean;
}

export function sampleRows(): SampleRow[] {
  return Array.from({ length: SAMPLE_SIZE }, (_, index) => {
    const id = index + 1;
    return { id, deviceToken: storedDeviceToken(id), active: isActive(id) };
  });
}

/** One in twenty uninstalled the app long ago. */
export function isActive(device: number): boolean {
  return device % 20 !== 9;
}

/** One in fifty is the device before it, in the spelling of iOS 12 and older. */
function storedDeviceToken(device: number): string {
  if (device % 50 !== 12) return deviceToken(device);
  return `<${deviceToken(device - 1)
    .toUpperCase()
    .match(/.{8}/g)!
    .join(' ')}>`;
}

function deviceToken(device: number): string {
  const hex = createHash('sha256').update(`pushfleet sample device ${device}`).digest('hex');
  const beginning = BEGINNINGS.find(({ every, rest }) => device % every === rest)?.beginning ?? '';
  return beginning + hex.slice(beginning.length);
}
