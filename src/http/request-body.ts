import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import {
  BadRequestException,
  PayloadTooLargeException,
  ServiceUnavailableException,
  UnsupportedMediaTypeException,
} from '@nestjs/common';

/** Bodies that are being received at the same time may take this much together. */
const MAX_BYTES_IN_THE_MAKING = 64 * 1024 * 1024;

const DECODERS = {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
} as const;

/** Reads JSON bodies, all of them together within a bound. */
export class BodyReader {
  private inTheMaking = 0;

  constructor(private readonly maxBytes: number) {}

  /**
   * The bytes of a JSON body, decompressed.
   *
   * @throws UnsupportedMediaTypeException where it is not JSON, not UTF-8, or encoded in a way that is not supported
   * @throws PayloadTooLargeException once it is longer than allowed; by `Content-Length` before a byte is read
   * @throws BadRequestException where it breaks off or cannot be decompressed
   * @throws ServiceUnavailableException where too many bytes are in the making already
   */
  async read(request: IncomingMessage): Promise<Buffer> {
    assertJson(request.headers['content-type']);
    const length = Number(request.headers['content-length'] ?? 0);
    if (length > this.maxBytes) throw this.tooLarge();
    return this.collect(request, this.decoded(request));
  }

  private decoded(request: IncomingMessage): Readable {
    const encoding = (request.headers['content-encoding'] ?? 'identity').trim().toLowerCase();
    if (encoding === 'identity' || encoding === '') return request;
    if (!Object.hasOwn(DECODERS, encoding)) {
      throw new UnsupportedMediaTypeException('Content-Encoding must be identity, gzip, deflate or br');
    }
    return request.pipe(DECODERS[encoding as keyof typeof DECODERS]());
  }

  private collect(request: IncomingMessage, source: Readable): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      const settle = () => {
        this.inTheMaking -= bytes;
        source.removeAllListeners('data');
        if (source !== request) source.destroy();
      };
      const fail = (error: Error) => {
        settle();
        reject(error);
      };
      source.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        this.inTheMaking += chunk.length;
        if (bytes > this.maxBytes) return fail(this.tooLarge());
        if (this.inTheMaking > MAX_BYTES_IN_THE_MAKING) return fail(tooManyBodies());
        chunks.push(chunk);
      });
      source.on('end', () => {
        settle();
        resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, bytes));
      });
      source.on('error', () => fail(new BadRequestException('body cannot be read or decompressed')));
      request.on('close', () => {
        if (!request.complete) fail(new BadRequestException('body broke off'));
      });
    });
  }

  private tooLarge(): PayloadTooLargeException {
    return new PayloadTooLargeException(`body must be at most ${this.maxBytes} bytes`);
  }
}

function tooManyBodies(): ServiceUnavailableException {
  return new ServiceUnavailableException('too many requests are being received, try again later');
}

const JSON_TYPE = /^application\/(json|[\w!#$&^.+-]+\+json)$/;

/** RFC 9110, section 8.3.1. A type that a plain form can send is refused: that is a defence against CSRF. */
function assertJson(contentType: string | undefined): void {
  if (contentType === 'application/json') return;
  const [type = '', ...parameters] = (contentType ?? '').toLowerCase().split(';');
  if (!JSON_TYPE.test(type.trim())) {
    throw new UnsupportedMediaTypeException('Content-Type must be application/json');
  }
  for (const parameter of parameters) {
    const [name, value = ''] = parameter.split('=').map((part) => part.trim());
    if (name === 'charset' && value.replace(/^"(.*)"$/, '$1') !== 'utf-8') {
      throw new UnsupportedMediaTypeException('charset must be UTF-8');
    }
  }
}
