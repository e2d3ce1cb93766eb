import { slug } from 'github-slugger';
import { defineConfig } from 'vitepress';
import { base } from '../build/base.mjs';
import { sidebar } from '../build/sidebar.mjs';

const ICON = `data:image/svg+xml,${encodeURIComponent(
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><rect width="16" height="16" rx="4" fill="#3451b2"/><path d="M4 11h8M8 9V4M5.5 6.5 8 4l2.5 2.5" stroke="#fff" stroke-width="1.6" fill="none" stroke-linecap="round"/></svg>',
)}`;

export default defineConfig({
  title: 'Pushfleet',
  description: 'The push server that iOS backends run: from a MySQL row to an iPhone, nothing lost.',
  lang: 'en',
  base,
  head: [['link', { rel: 'icon', href: ICON }]],
  srcDir: '.pages',
  outDir: 'dist',
  // Titles and texts name addresses such as http://127.0.0.1:3100/ of the reader's own machine.
  ignoreDeadLinks: 'localhostLinks',
  markdown: {
    linkify: false,
    anchor: { slugify: slug }, // the same anchors as on GitHub
  },
  // Each picture is a file of its own, never a data: address.
  vite: { build: { assetsInlineLimit: 0, chunkSizeWarningLimit: 2_000 } },
  themeConfig: {
    sidebar: sidebar(),
    outline: [2, 3],
    search: { provider: 'local' },
    nav: [
      { text: 'First steps', link: '/first-steps' },
      { text: 'Operations', link: '/operations' },
      { text: 'Commands', link: '/cli' },
      { text: 'API', link: '/api/' },
    ],
  },
});
