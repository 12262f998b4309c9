/** The folder's file is in use, unreadable, or not to be had: its text is for the operator. */
export class FolderError extends Error {
  override readonly name = 'FolderError';

  /** @param hint what to do about it, where the text does not say so */
  constructor(
    message: string,
    readonly hint?: string,
  ) {
    super(message);
  }
}
