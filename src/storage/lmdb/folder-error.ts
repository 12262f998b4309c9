/** The folder's file is in use, unreadable, or not to be had: its text is for the operator. */
export class FolderError extends Error {
  override readonly name = 'FolderError';
}
