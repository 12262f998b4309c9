/** What came of what was sent, in words. */
export interface Saying {
  readonly text: string;
  readonly isError: boolean;
}

/** Says it where something was sent from; empty until then, so that it is heard when it comes. */
export function Said({ saying }: { saying: Saying | undefined }) {
  return (
    <p role="status" class={saying?.isError ? 'field-error' : 'hint'}>
      {saying?.text ?? ''}
    </p>
  );
}
