/** Markup whose values are escaped: what comes from elsewhere is text, never markup. */
export class Html {
  constructor(readonly markup: string) {}
}

type Value = string | number | null | undefined | false | Html | readonly Html[];

/** A piece of a page; values are escaped unless they are pieces themselves. Nothing for null, undefined and false. */
export function html(parts: TemplateStringsArray, ...values: readonly Value[]): Html {
  return new Html(parts.reduce((text, part, at) => text + render(values[at - 1]) + part));
}

function render(value: Value): string {
  if (value === null || value === undefined || value === false) return '';
  if (value instanceof Html) return value.markup;
  if (typeof value === 'object') return value.map(({ markup }) => markup).join('');
  return String(value).replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
}
