/** Codes that say only that nobody is there. */
const NOBODY = /\b(?:ENOENT|ECONNREFUSED)\b/;
const FORBIDDEN = /\b(?:EACCES|EPERM)\b/;

/** Why there is no connection, where it is not just that nobody listens. */
export type NoConnection = { readonly why: 'forbidden' } | { readonly why: 'other'; readonly words: string };

/** @param details what gRPC says of a call that found no connection, with the last error of the system or of OpenSSL in it. */
export function noConnection(details: string): NoConnection | undefined {
  const said = /Last error: (?:Error: )?(?<words>.*?)(?:\s*\([^()]*Z\))?\. Resolution note:/s.exec(details);
  const words = said?.groups?.['words'];
  if (words === undefined || NOBODY.test(words)) return undefined;
  if (FORBIDDEN.test(words)) return { why: 'forbidden' };
  // Of OpenSSL's: number, "error", number, library, function, reason, file, line.
  return { why: 'other', words: /:SSL routines:[^:]*:(?<reason>[^:]+):/.exec(words)?.groups?.['reason'] ?? words };
}

/** In words, for whoever wanted to reach an address. */
export function noConnectionText(nobody: string, where: string, problem: NoConnection | undefined): string {
  if (problem === undefined) return nobody;
  if (problem.why === 'forbidden') return `${where} may be opened only by its owner, and by its group if it has one`;
  return `no connection to ${where}: ${problem.words}`;
}
