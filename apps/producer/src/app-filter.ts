import type { AppFilter } from '@pushfleet/shared/store/audience';
import type { ProducerContext } from './producer-context.ts';

/** What a token's row must fit to be of this app, where the backend has columns for it. */
export function appFilterOf({ rules }: ProducerContext, name: string): AppFilter {
  const app = rules.apps.find((candidate) => candidate.name === name);
  return { app: name, topic: app?.topic ?? '', environment: app?.environment ?? '' };
}
