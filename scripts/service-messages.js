/**
 * Writes src/service/messages.ts, the TypeScript types of the messages in proto/ibcm/v1/ibcm.proto. A test compares both.
 * With --print it writes to the standard output instead.
 */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { loadSync } from '@grpc/proto-loader';

const PROTO = fileURLToPath(new URL('../proto/ibcm/v1/ibcm.proto', import.meta.url));
const TARGET = fileURLToPath(new URL('../src/service/messages.ts', import.meta.url));
const PACKAGE = 'ibcm.v1.';

const definitions = loadSync(PROTO, { defaults: true });
const messages = Object.entries(definitions)
  .filter(([, { format }]) => format?.startsWith('Protocol Buffer 3 Descriptor'))
  .map(([name, definition]) => [name.slice(PACKAGE.length), definition]);

function typeOf({ type, typeName, options }) {
  switch (type) {
    case 'TYPE_UINT64':
      return options?.jstype === 'JS_NUMBER' ? 'number' : 'bigint';
    case 'TYPE_UINT32':
    case 'TYPE_DOUBLE':
      return 'number';
    case 'TYPE_BOOL':
      return 'boolean';
    case 'TYPE_STRING':
      return 'string';
    case 'TYPE_BYTES':
      return 'Uint8Array';
    case 'TYPE_MESSAGE':
      return typeName;
    default:
      throw new Error(`${type} has no counterpart`);
  }
}

function fieldText(field, isOptional) {
  const type = typeOf(field);
  if (field.label === 'LABEL_REPEATED') return `  readonly ${field.name}: readonly ${type}[];`;
  return isOptional ? `  readonly ${field.name}?: ${type} | undefined;` : `  readonly ${field.name}: ${type};`;
}

function interfaceText([name, definition]) {
  const { field: fields, oneofDecl } = definition.type;
  const declared = oneofDecl.map((each) => each.name);
  const always = definition.deserialize(new Uint8Array(0));
  const optional = new Set(declared.filter((each) => each.startsWith('_')).map((each) => each.slice(1)));
  const choice = declared.find((each) => !each.startsWith('_'));
  const chosen = fields.filter((field) => !(field.name in always) && !optional.has(field.name));
  const plain = fields.filter((field) => !chosen.includes(field));
  const lines = plain.map((field) => fieldText(field, optional.has(field.name)));
  if (fields.length === 0) return `export type ${name} = Readonly<Record<string, never>>;\n`;
  if (choice === undefined) return `export interface ${name} {\n${lines.join('\n')}\n}\n`;
  const map = `${name}${choice[0].toUpperCase()}${choice.slice(1)}`;
  const choices = chosen.map((field) => `  readonly ${field.name}: ${typeOf(field)};`).join('\n');
  lines.push(`  /** Which of the others there is. */`, `  readonly ${choice}?: keyof ${map} | undefined;`);
  return `export interface ${map} {\n${choices}\n}\n\nexport interface ${name} extends Partial<${map}> {\n${lines.join('\n')}\n}\n`;
}

const text = `/** Made from proto/ibcm/v1/ibcm.proto by scripts/service-messages.js; what the messages mean is said there. */

${messages.map(interfaceText).join('\n')}`;
if (process.argv.includes('--print')) process.stdout.write(text);
else writeFileSync(TARGET, text);
