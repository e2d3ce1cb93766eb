import type { Locator, Page } from 'playwright-core';

/**
 * Goes to it with the tabulator, as one without a mouse does, and presses a key.
 *
 * @throws Error where the tabulator does not lead there, or where one would not see that it has
 */
export async function press(page: Page, target: Locator, key: string): Promise<void> {
  await goTo(page, target);
  await page.keyboard.press(key);
}

/** The same without the key. */
export async function goTo(page: Page, target: Locator): Promise<void> {
  for (let steps = 0; steps < 200; steps++) {
    await page.keyboard.press('Tab');
    if (!(await target.evaluate((element) => element.matches(':focus')))) continue;
    if (!(await isSeen(target))) throw new Error('it has the focus, and nothing shows it');
    return;
  }
  throw new Error('it cannot be reached by the tabulator');
}

/** Of a window what is asked for here: the tests are compiled without the types of a browser. */
interface BrowserWindow {
  readonly innerHeight: number;
  getComputedStyle(element: unknown): { readonly outlineStyle: string; readonly outlineWidth: string };
}

/** Whether a frame of two pixels at least shows where the focus is, in the window. */
function isSeen(target: Locator): Promise<boolean> {
  return target.evaluate((element) => {
    const { getComputedStyle, innerHeight } = globalThis as unknown as BrowserWindow;
    const { outlineStyle, outlineWidth } = getComputedStyle(element);
    const { top, bottom } = element.getBoundingClientRect();
    return outlineStyle !== 'none' && Number.parseFloat(outlineWidth) >= 2 && bottom > 0 && top < innerHeight;
  });
}
