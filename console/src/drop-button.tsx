import { useRef, useState } from 'preact/hooks';
import { plural } from './format.js';
import { inWords, post } from './server.js';

interface DropButtonProps {
  readonly accessId: string;
  readonly connections: number;
  readonly onDropped: () => void;
}

/** Drops a user, once somebody has said twice that this is meant. */
export function DropButton({ accessId, connections, onDropped }: DropButtonProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [error, setError] = useState<string>();
  const drop = async () => {
    try {
      await post<true>('drop_user', JSON.stringify({ drop_access_id: accessId }));
      dialog.current!.close();
      onDropped();
    } catch (reason) {
      setError(inWords(reason));
    }
  };
  const ask = () => {
    setError(undefined);
    dialog.current!.showModal();
  };
  return (
    <>
      <button type="button" class="danger" onClick={ask}>
        Drop
      </button>
      <dialog ref={dialog} aria-labelledby="drop-title">
        <h2 id="drop-title">Drop {accessId}?</h2>
        <p>
          {connections === 0
            ? 'Nothing is connected that this page knows of. '
            : `${plural(connections, 'connection')} will close with 4503. `}
          The log stays, and whoever connects anew is let in.
        </p>
        {error !== undefined && (
          <p class="field-error" role="alert">
            {error}
          </p>
        )}
        <div class="actions">
          <button type="button" onClick={() => dialog.current!.close()}>
            Cancel
          </button>
          <button type="button" class="danger solid" onClick={() => void drop()}>
            Drop
          </button>
        </div>
      </dialog>
    </>
  );
}
