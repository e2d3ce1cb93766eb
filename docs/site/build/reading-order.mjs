/**
 * The sidebar: what stands where, in the order in which people read. Paths are from the root of the site,
 * without `.md`; a document that is nowhere here comes last, under "More".
 */
export const READING_ORDER = [
  { text: 'Start', pages: ['index', 'first-steps', 'leaving-the-php-loop'] },
  { text: 'For the backend', pages: ['backends', 'sql-interface', 'packages/producer'] },
  { text: 'Run it', pages: ['docker', 'debian', 'kubernetes', 'redis', 'security', 'scaling', 'upgrading'] },
  { text: 'Operate it', pages: ['operations', 'board', 'doctor', 'events'] },
  { text: 'How it works', pages: ['guarantees', 'architecture', 'lifecycle', 'benchmarks'] },
  {
    text: 'Reference',
    pages: ['cli', 'configuration', 'api/index', 'packages/apns-simulator', 'packages/local-servers'],
  },
  { text: 'Project', pages: ['changelog', 'contributing', 'security-policy', 'about-this-site'] },
  { text: 'Decisions', pages: ['decisions/index'], folder: 'decisions', collapsed: true },
];

/** Names for pages whose headline is no name among others. */
export const SHORT_NAMES = new Map([
  ['index', 'What it is'],
  ['about-this-site', 'This site'],
  ['decisions/index', 'All decisions'],
]);
