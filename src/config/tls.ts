import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import type { Reader } from './reader.js';

/** A certificate and its key, in PEM. */
export interface TlsIdentity {
  readonly cert: string;
  readonly key: string;
}

const MISMATCH = 'ERR_OSSL_X509_KEY_VALUES_MISMATCH';

/** Where a TLS identity is read from, at the start and again when it has been renewed. */
export class TlsFiles {
  constructor(
    private readonly certPath: string,
    private readonly keyPath: string,
  ) {}

  /** @throws Error where the files cannot be read or do not belong together */
  read(): TlsIdentity {
    const identity = {
      cert: readFileSync(this.certPath, 'utf8'),
      key: readFileSync(this.keyPath, 'utf8'),
    };
    createSecureContext(identity);
    // OpenSSL takes a key of another type for that of another certificate, and finds out when somebody connects.
    if (!new X509Certificate(identity.cert).checkPrivateKey(createPrivateKey(identity.key))) {
      throw Object.assign(new Error('key values mismatch'), { code: MISMATCH });
    }
    return identity;
  }
}

/** Why clients will not believe a certificate that is otherwise right, worded to follow its name; `undefined` where its time is now. */
export function validityFault({ cert }: TlsIdentity): string | undefined {
  const { validFrom, validTo } = new X509Certificate(cert);
  if (Date.parse(validTo) < Date.now()) return `has expired on ${validTo}`;
  if (Date.parse(validFrom) > Date.now()) return `is not valid before ${validFrom}`;
  return undefined;
}

export function readTls(reader: Reader): TlsFiles | undefined {
  const cert = reader.text('NOTIFIER_TLS_CERT', undefined);
  const key = reader.text('NOTIFIER_TLS_KEY', undefined);
  if (cert === undefined && key === undefined) return undefined;
  if (cert === undefined || key === undefined) {
    reader.mistake('NOTIFIER_TLS_CERT and NOTIFIER_TLS_KEY belong together: set both or none');
    return undefined;
  }
  const files = new TlsFiles(cert, key);
  const isCert = holds(reader, 'NOTIFIER_TLS_CERT', 'a certificate', (pem) =>
    createSecureContext({ cert: pem }),
  );
  const isKey = holds(reader, 'NOTIFIER_TLS_KEY', 'a private key without a passphrase', createPrivateKey);
  if (!isCert || !isKey) return files;
  try {
    const fault = validityFault(files.read());
    if (fault !== undefined) reader.warn(`the certificate of NOTIFIER_TLS_CERT ${fault}`);
  } catch (error) {
    const { code = 'invalid' } = error as NodeJS.ErrnoException;
    reader.mistake(
      code === MISMATCH
        ? 'NOTIFIER_TLS_KEY does not belong to NOTIFIER_TLS_CERT'
        : `NOTIFIER_TLS_CERT and NOTIFIER_TLS_KEY cannot be used together (${code})`,
    );
  }
  return files;
}

/** Whether the file holds what it should; a mistake where it does not. */
function holds(reader: Reader, name: string, what: string, parse: (pem: string) => unknown): boolean {
  const pem = reader.file(name);
  if (pem === undefined) return false;
  try {
    parse(pem);
    return true;
  } catch (error) {
    const { code = 'invalid' } = error as NodeJS.ErrnoException;
    reader.mistake(`${name} must name a file that holds ${what} in PEM (${code})`);
    return false;
  }
}
