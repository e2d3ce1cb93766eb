/** Names for those who hear Bull Board: it has buttons that are an icon, and bars, without one. */
const ICONS = {
  maximize: 'Whole screen',
  minimize: 'Out of the whole screen',
  settings: 'Settings',
  'circle-user-round': 'Other pages',
  'circle-user': 'Other pages',
  'ellipsis-vertical': 'More',
  copy: 'Copy',
  'refresh-cw': 'Retry',
  'arrow-up': 'First line',
  'arrow-down': 'Last line',
  'chevron-left': 'Previous page',
  'chevron-right': 'Next page',
  'chevron-up': 'Up',
  'chevron-down': 'Open',
  x: 'Close',
};

function giveNames() {
  for (const button of document.querySelectorAll('button:not([aria-label])')) {
    if (button.textContent.trim() !== '') continue;
    const icon = button.querySelector('svg.lucide');
    const names = [...(icon?.classList ?? [])].map((name) => ICONS[name.replace('lucide-', '')]);
    const name = names.find((found) => found !== undefined) ?? button.title;
    if (name) button.setAttribute('aria-label', name);
  }
  for (const bar of document.querySelectorAll('[role=progressbar]:not([aria-label])'))
    bar.setAttribute('aria-label', 'settled');
}

// It draws everything itself, and anew every few seconds.
new MutationObserver(giveNames).observe(document.body, { childList: true, subtree: true });
giveNames();
