export * from './codec.js';
export * from './error.js';
export type { BytesField, Field, GidField, PiecesField, Uint64Field, UintField } from './field.js';
export * from './ip-cm.js';
export { type Fields, type FieldsInit, readFields, writeFields } from './layout.js';
export * from './mad.js';
export * from './messages.js';
export * from './names.js';
export * from './roce/index.js';
