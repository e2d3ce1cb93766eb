import { expect, test } from '@jest/globals';
import { ownPage } from './own-page.ts';

const PAGE = `<head><base href="/ops/queues/" />
<link href="https://fonts.example/css2" rel="stylesheet">
<link href="static/css/main.css" rel="stylesheet"></head>
<body><div id="root"><div style="color:#8b96a5"><span style="opacity:1"></span> Loading</div>
<style>@keyframes pulse{to{opacity:1}}</style>
</div>
<script defer src="static/js/main.js"></script></body>`;

test('Bull Board’s page asks no other address, has nothing inline, and gets the board’s style and names', () => {
  const page = ownPage(PAGE, '/ops');
  expect(page).not.toMatch(/https?:|<style|style="/);
  expect(page).toContain('<div id="root"><p role="status">Loading</p></div>');
  expect(page).toMatch(
    /main\.css" rel="stylesheet"><link rel="stylesheet" href="\/ops\/assets\/queues\.css">/,
  );
  expect(page).toContain('src="/ops/assets/queues.js"');
  expect(page).toContain('src="static/js/main.js"');
});
