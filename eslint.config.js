import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';

/** What the compiler cannot see: ES2023 itself has a clock and a random source. */
const hiddenInputs = [
  {
    selector: "MemberExpression[object.name='Math'][property.name='random']",
    message: 'Randomness is injected (base/random.ts).',
  },
  {
    selector: "MemberExpression[object.name='Date'][property.name='now']",
    message: 'Time is a parameter (base/time.ts).',
  },
  { selector: "NewExpression[callee.name='Date']", message: 'Time is a parameter (base/time.ts).' },
  { selector: "CallExpression[callee.name='Date']", message: 'Time is a parameter (base/time.ts).' },
  { selector: 'ImportExpression', message: 'Layers below io/ load nothing at run time.' },
  { selector: "Identifier[name='globalThis']", message: 'Layers below io/ see no globals of the platform.' },
  {
    selector: "MemberExpression[object.name='Math'][computed=true]",
    message: 'Randomness is injected (base/random.ts).',
  },
  {
    selector: 'VariableDeclarator[init.name=/^(Date|Math)$/]',
    message: 'Time is a parameter, randomness is injected.',
  },
  { selector: "CallExpression > Identifier[name='Date']", message: 'Time is a parameter (base/time.ts).' },
  { selector: "NewExpression[callee.name='Function']", message: 'Code is not made at run time.' },
];
const awaiting = [
  { selector: 'AwaitExpression', message: "Only endpoint/ and service/ wait: the manager's lock is the turn." },
  { selector: ':function[async=true]', message: "Only endpoint/ and service/ wait: the manager's lock is the turn." },
  {
    selector: "Identifier[name='Promise']",
    message: "Only endpoint/ and service/ wait: the manager's lock is the turn.",
  },
];
const doors = {
  patterns: [
    {
      regex:
        '^(\\.\\./)+(base|wire|cep|cm|verbs|transport|qp|ca|sim|endpoint|io|service|cli)/(?!(operations/)?index\\.js$)',
      message: 'A layer is entered through its index.ts.',
    },
  ],
};
/** Layers without I/O use no library: what they need of the world comes through their parameters. */
const noPackages = {
  patterns: [...doors.patterns, { regex: '^[^.]', message: 'Layers below io/ import no packages.' }],
};
const noTypeReferences = ['error', { types: 'never', path: 'never', lib: 'never' }];

export default defineConfig(
  { ignores: ['dist/', 'build/', 'node_modules/', 'coverage/', '**/*.js', '**/*.d.ts'] },
  {
    files: ['src/**/*.ts', 'test/**/*.ts', 'bench/**/*.ts'],
    extends: [tseslint.configs.base],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/await-thenable': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/only-throw-error': 'error',
      '@typescript-eslint/prefer-promise-reject-errors': 'error',
      '@typescript-eslint/no-unnecessary-condition': 'error',
      '@typescript-eslint/no-deprecated': 'error',
    },
  },
  {
    files: ['src/{base,wire,cep,cm,verbs,transport,qp,ca,sim}/**/*.ts'],
    rules: {
      'no-restricted-syntax': ['error', ...hiddenInputs, ...awaiting],
      'no-restricted-imports': ['error', noPackages],
      '@typescript-eslint/triple-slash-reference': noTypeReferences,
    },
  },
  {
    files: ['src/endpoint/**/*.ts'],
    rules: {
      'no-restricted-syntax': ['error', ...hiddenInputs],
      'no-restricted-imports': ['error', noPackages],
      '@typescript-eslint/triple-slash-reference': noTypeReferences,
    },
  },
  { files: ['src/{io,service,cli}/**/*.ts'], rules: { 'no-restricted-imports': ['error', doors] } },
);
