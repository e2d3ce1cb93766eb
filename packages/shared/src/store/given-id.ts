import type { KeyColumn } from './backend-schema.ts';

/**
 * An id as a person or a program gave it, in the form it has everywhere else: text, UUIDs of a
 * BINARY(16) key as plain hex. Null for what can be no id of this key.
 */
export function givenId(key: KeyColumn, text: string): string | null {
  const id = text.trim();
  if (key.kind === 'integer') return /^\d{1,19}$/.test(id) ? BigInt(id).toString() : null;
  if (key.kind === 'text') return id === '' || id.length > 255 ? null : id;
  const hex = id.replace(/-/g, '').toLowerCase();
  return /^[0-9a-f]{32}$/.test(hex) ? hex : null;
}
