/**
 * Puts the sections that changed in the place of those that were there; each has an id. Whoever has the focus in one
 * keeps it, and whoever has scrolled in one stays there.
 */
export function renewSections(live, markup) {
  const next = document.createElement('div');
  next.innerHTML = markup;
  const seen = new Map([...live.children].map((section) => [section.id, section]));
  for (const [id, section] of seen) {
    if (next.querySelector(`:scope > #${id}`) !== null) continue;
    const hadFocus = section.contains(document.activeElement);
    section.remove();
    if (hadFocus) live.focus({ preventScroll: true });
  }
  let before = null;
  for (const section of [...next.children]) {
    const old = seen.get(section.id);
    if (old === undefined) {
      if (before === null) live.prepend(section);
      else before.after(section);
      before = section;
    } else {
      // What is just being pressed stays until it is let go.
      const stays = old.outerHTML === section.outerHTML || old.matches(':active');
      if (!stays) replace(old, section);
      before = stays ? old : section;
    }
  }
}

function replace(old, section) {
  const focused = focusIn(old);
  const scrolled = [...old.querySelectorAll('.scroll')].map(({ scrollLeft }) => scrollLeft);
  old.replaceWith(section);
  section.querySelectorAll('.scroll').forEach((part, at) => {
    part.scrollLeft = scrolled[at] ?? 0;
  });
  // Where it is gone (what ran has ended) the focus goes to what is nearest, and not to the top of the page.
  focused?.(section).focus({ preventScroll: true });
}

/** How what has the focus in a section is found again in another one; null where nothing has it. */
function focusIn(section) {
  const { activeElement } = document;
  if (!section.contains(activeElement)) return null;
  const { id, outerHTML } = activeElement;
  const alike = (where) =>
    [...where.querySelectorAll('a, button')].filter((one) => one.outerHTML === outerHTML);
  const at = alike(section).indexOf(activeElement);
  return (next) =>
    (id === '' ? alike(next)[at] : document.getElementById(id)) ??
    next.querySelector('.scroll') ??
    next.parentElement;
}
