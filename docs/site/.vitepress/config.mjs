import { slug } from 'github-slugger';
import { defineConfig } from 'vitepress';
import { base } from '../build/base.mjs';
import { sidebar } from '../build/sidebar.mjs';

export default defineConfig({
  title: 'Pushfleet',
  description: 'The push server that iOS backends run: from a MySQL row to an iPhone, nothing lost.',
  lang: 'en',
  base,
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
