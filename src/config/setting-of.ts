/** A setting as a message shows it: with its value where that fits a line. */
export function settingOf(name: string, value: string): string {
  return /^[!-~]+$/.test(value) ? `${name}=${value}` : name;
}
