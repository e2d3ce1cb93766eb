import { parseDuration } from '@pushfleet/shared/domain/duration';
import { InvalidArgumentError } from 'commander';

/** A duration of an option, in milliseconds. */
export function givenDuration(text: string): number {
  const ms = parseDuration(text);
  if (ms === null || ms <= 0)
    throw new InvalidArgumentError('a duration such as 90m, 24h or 7d is expected.');
  return ms;
}
