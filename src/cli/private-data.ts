/**
 * Private data for people: as text if it is printable ASCII, else as 0xHEX; empty if there is none. The zeros at its end are
 * left out: they fill the message's field, whose length is all that the wire tells.
 * @param digits the whole field in hexadecimal.
 */
export function showPrivateData(digits: string): string {
  const field = Buffer.from(digits, 'hex');
  const data = field.subarray(0, field.findLastIndex((byte) => byte !== 0) + 1);
  if (data.length === 0) return '';
  const printable = data.every((byte) => byte >= 0x20 && byte <= 0x7e);
  return printable ? JSON.stringify(data.toString('latin1')) : `0x${data.toString('hex')}`;
}
