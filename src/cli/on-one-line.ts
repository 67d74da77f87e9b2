/** What others have named, without what would make it more than a part of a line, or tell the terminal what to do. */
export function onOneLine(name: string): string {
  return name.replaceAll(/\p{Cc}/gu, '�');
}
