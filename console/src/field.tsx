interface FieldProps {
  readonly id: string;
  readonly label: string;
  readonly value: string;
  readonly onValue: (value: string) => void;
  readonly class?: string;
  readonly type?: 'text' | 'password';
  readonly required?: boolean;
  readonly disabled?: boolean;
  readonly inputMode?: 'numeric';
  readonly pattern?: string;
  /** What the pattern asks for, in words: the browser says no more than that there is one. */
  readonly title?: string;
  readonly placeholder?: string;
}

/** A line of text with its label. Ids and tokens are no words: nobody corrects or completes them. */
export function Field({ id, label, onValue, class: className = '', type = 'text', ...input }: FieldProps) {
  return (
    <div class={`field ${className}`}>
      <label for={id}>{label}</label>
      <input
        id={id}
        // Preact's types know one kind of input at a time.
        {...({ type } as { type: 'text' })}
        spellcheck={false}
        autocomplete="off"
        {...input}
        onInput={({ currentTarget }) => onValue(currentTarget.value)}
      />
    </div>
  );
}
