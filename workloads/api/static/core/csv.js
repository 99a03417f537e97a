// Tables as files for a spreadsheet (RFC 4180, UTF-8 with its mark), which run no formula of ours.

const NUMBER = /^[+-]?\d+(\.\d+)?$/;

/** One cell. What a spreadsheet would take for a formula gets an apostrophe; negative numbers stay numbers. */
export function cell(value) {
  let text = value === null || value === undefined ? "" : String(value);
  if (/^[=+\-@\t\r\n＝＋－＠]/.test(text) && !NUMBER.test(text)) text = `'${text}`;
  return /[",\r\n;]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

export const text = (header, rows) => `\ufeff${[header, ...rows].map((row) => row.map(cell).join(",")).join("\r\n")}\r\n`;

/** Hand the reader a file. */
export function save(name, header, rows) {
  const url = URL.createObjectURL(new Blob([text(header, rows)], { type: "text/csv;charset=utf-8" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = `${name}.csv`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
