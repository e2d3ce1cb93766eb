import { z } from 'zod';

/** An app: a name for topic, environment and credential, with the defaults of its payload. */
const appSchema = z.strictObject({
  name: z
    .string()
    .regex(
      /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}$/,
      'must be 1 to 63 letters, digits, dots, dashes or underscores',
    ),
  topic: z.string().regex(/^[\w.-]{1,200}$/, 'must be a bundle id such as com.example.app'),
  environment: z.enum(['production', 'sandbox']),
  /** Badge of a push without one; null sends none. */
  badge: z.int().min(0).nullable().default(1),
  sound: z.string().nullable().default('default'),
});
export type App = z.output<typeof appSchema>;

/** The file of PUSHFLEET_APPS_FILE. A row chooses by its `app`, or by its topic; else it goes to the default app. */
export const appsFileSchema = z
  .strictObject({ $schema: z.string().optional(), apps: z.array(appSchema).min(1) })
  .refine(
    ({ apps }) => new Set(apps.map(({ name }) => name)).size === apps.length,
    'two apps have the same name',
  );

/** An app with the payload defaults of the old loop: badge 1, sound default. */
export function plainApp(name: string, topic: string, environment: 'production' | 'sandbox'): App {
  return { name, topic, environment, badge: 1, sound: 'default' };
}

/** The app that a row chooses, or a sentence about why there is none. */
export function chooseApp(
  apps: readonly App[],
  defaultApp: string,
  choice: { readonly app?: string; readonly topic?: string },
): App | string {
  if (choice.app !== undefined) {
    const named = apps.find(({ name }) => name === choice.app);
    return named ?? `app "${choice.app.slice(0, 60)}" is not configured`;
  }
  if (choice.topic !== undefined) {
    const topic = choice.topic;
    const own = apps.find((app) => app.topic === topic);
    // A topic such as com.example.app.voip belongs to the app of com.example.app.
    const base = own ?? apps.find((app) => topic.startsWith(`${app.topic}.`));
    return base === undefined
      ? `topic "${topic.slice(0, 60)}" belongs to no configured app`
      : { ...base, topic };
  }
  return apps.find(({ name }) => name === defaultApp) ?? `the default app "${defaultApp}" is not configured`;
}
