import { mkdirSync } from 'node:fs';
import type { Page } from 'playwright-core';

/** A picture of the whole page in each theme, where PUSHFLEET_TEST_SCREENSHOTS names a directory. */
export async function pictureOf(page: Page, name: string): Promise<void> {
  const directory = process.env.PUSHFLEET_TEST_SCREENSHOTS;
  if (directory === undefined) return;
  mkdirSync(directory, { recursive: true });
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    await page.screenshot({ path: `${directory}/${name} ${colorScheme}.png`, fullPage: true });
  }
}
