/** @returns the text with the paths of docs/debian.md that a test may not touch put below `root` */
export function belowRoot(root: string, text: string): string {
  const paths = /(?<![\w/])\/(?:opt\/pushfleet|etc\/(?:pushfleet|systemd|redis|prometheus))\b/g;
  return text.replaceAll(paths, `${root}$&`);
}
