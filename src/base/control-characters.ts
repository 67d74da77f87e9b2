/** What others have named, without what would make it more than a part of a line, or tell a terminal what to do: each control character is U+FFFD instead. */
export function withoutControlCharacters(name: string): string {
  return name.replaceAll(/\p{Cc}/gu, '\ufffd');
}
