import { type Html, html } from './html.ts';

export interface PageFrame {
  readonly title: string;
  /** Base path without a slash at its end. */
  readonly base: string;
  /** Null: nobody is logged in, and there is no menu. */
  readonly user: string | null;
  /** Whether logging out means something. */
  readonly hasLogin?: boolean;
  readonly csrf: string;
  /** What came of the last wish, in a sentence. */
  readonly notice?: string | null;
}

/** A whole page. All buttons belong to the one form that carries the CSRF token, so pieces of a page hold none. */
export function page({ title, base, user, hasLogin, csrf, notice }: PageFrame, body: Html): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title} · Pushfleet</title>
<link rel="stylesheet" href="${base}/assets/uplot/uPlot.min.css">
<link rel="stylesheet" href="${base}/assets/board.css">
<link rel="stylesheet" href="${base}/assets/pages.css">
<link rel="icon" href="data:,">
<script type="module" src="${base}/assets/board.js"></script>
</head>
<body>
<a class="skip" href="#main">Skip to content</a>
<header><a class="brand" href="${base}/">Pushfleet</a>
${
  user !== null &&
  html`<nav aria-label="Board"><a href="${base}/">Overview</a><a href="${base}/device">Device</a><a href="${base}/queues/">Queues</a></nav>
${hasLogin === true && html`<button form="act" formaction="${base}/logout">Log out ${user}</button>`}`
}
</header>
<main id="main" tabindex="-1"><h1>${title}</h1>
${notice && html`<p class="notice" role="status" tabindex="-1" autofocus>${notice}</p>`}
${body}
</main>
<form id="act" method="post"><input type="hidden" name="_csrf" value="${csrf}"></form>
</body></html>`.markup;
}
