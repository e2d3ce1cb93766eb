/** Under which path the site is served: `PUSHFLEET_SITE_BASE`, such as `/pushfleet/`; else `/`. */
export const base = `/${process.env.PUSHFLEET_SITE_BASE ?? ''}/`.replace(/\/+/g, '/');
