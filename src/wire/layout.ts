import { assert } from '../base/index.js';
import { EncodeError } from './error.js';
import type { Field } from './field.js';

/** Fields by name, in the specification's order; an entry may be a table of its own. */
export interface FieldTable {
  readonly [name: string]: Field<never> | FieldTable;
}

/** The values of a table's fields. */
export type Fields<Table> = {
  [Name in keyof Table]: Table[Name] extends Field<infer Value> ? Value : Fields<Table[Name]>;
};

/** Values to encode: what is left out becomes zero. */
export type FieldsInit<Table> = {
  readonly [Name in keyof Table]?: Table[Name] extends Field<infer Value>
    ? Readonly<Value> | undefined
    : FieldsInit<Table[Name]> | undefined;
};

type AnyField = Field<unknown>;
const isField = (entry: unknown): entry is AnyField => typeof (entry as Partial<AnyField>).get === 'function';

/** The same fields `offset` bytes further on, named with their place in the whole: how a table is put inside another. */
export function moved<Table extends object>(table: Table, offset: number, prefix = ''): Table {
  const entries = Object.entries(table).map(([name, entry]: [string, AnyField | FieldTable]) => [
    name,
    isField(entry) ? entry.moved(offset, `${prefix}${name}`) : moved(entry, offset, `${prefix}${name}.`),
  ]);
  return Object.fromEntries(entries) as Table;
}

/** The fields of a table that stands for itself. */
export const named = <Table extends object>(table: Table, name: string): Table => moved(table, 0, `${name}.`);

/** Every field of a table with its dotted name. */
export function flatten(table: object, prefix = ''): [name: string, field: AnyField][] {
  return Object.entries(table).flatMap(([name, entry]: [string, AnyField | FieldTable]) =>
    isField(entry) ? [[`${prefix}${name}`, entry] as [string, AnyField]] : flatten(entry, `${prefix}${name}.`),
  );
}

/**
 * The bits that a table's fields cover, one mask for each of `size` bytes; the others are reserved.
 * @throws AssertionError when two fields overlap or one reaches beyond the end: the table is wrong.
 */
export function coverage(table: object, size: number): Uint8Array {
  const covered = new Uint8Array(size);
  for (const [name, field] of flatten(table)) {
    assert(field.byte >= 0 && field.byte + field.length <= size, `${name} lies within ${size} bytes`);
    field.masks().forEach((mask, i) => {
      const index = field.byte + i;
      assert(((covered[index] ?? 0) & mask) === 0, `${name} overlaps no other field`);
      covered[index] = (covered[index] ?? 0) | mask;
    });
  }
  return covered;
}

/** Reads every field. The caller has checked that the table's bytes are there. */
export function readFields<Table extends object>(table: Table, bytes: Uint8Array, at: number): Fields<Table> {
  const values: Record<string, unknown> = {};
  for (const name in table) {
    const entry = table[name] as AnyField | FieldTable;
    values[name] = isField(entry) ? entry.get(bytes, at) : readFields(entry, bytes, at);
  }
  return values as Fields<Table>;
}

/**
 * Writes the fields that `values` has; the others keep the buffer's bits.
 * @throws {@link EncodeError} when a value does not fit its field.
 */
export function writeFields<Table extends object>(
  table: Table,
  values: FieldsInit<Table>,
  bytes: Uint8Array,
  at: number,
): void {
  for (const name in values) {
    const value: unknown = values[name];
    if (value === undefined) continue;
    const entry = Object.hasOwn(table, name) ? (table[name] as AnyField | FieldTable | undefined) : undefined;
    if (entry === undefined) throw misfit(table, name, 'is not a field of the message');
    if (isField(entry)) entry.set(bytes, at, value);
    else if (typeof value !== 'object' || value === null) throw misfit(table, name, 'is not an object of fields');
    else writeFields(entry, value as FieldsInit<FieldTable>, bytes, at);
  }
}

/** A name or a shape that the table does not have is a caller's slip that types catch; from plain JavaScript it must not pass silently. */
function misfit(table: object, name: string, complaint: string): EncodeError {
  const [sibling] = flatten(table);
  const prefix = sibling === undefined ? '' : sibling[1].name.slice(0, -sibling[0].length);
  const field = `${prefix}${name}`;
  return new EncodeError('VALUE_OUT_OF_RANGE', `${field} ${complaint}`, { field, limit: 0, actual: 0 });
}
