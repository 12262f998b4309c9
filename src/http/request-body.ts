import type { IncomingMessage } from 'node:http';
import type { Readable, Transform } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import {
  BadRequestException,
  type HttpException,
  PayloadTooLargeException,
  UnsupportedMediaTypeException,
} from '@nestjs/common';
import { tooManyBodies, type BodiesInTheMaking } from '../wire/bodies-in-the-making.js';
import { DivertibleRequest, type BodySink } from './divertible-request.js';

const DECODERS = {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
} as const;

/** Parts of a body that lie about before they are put together: a part costs some 330 bytes beside its own, and a peer may send a byte a part. */
const MAX_LOOSE_PARTS = 256;

type Reject = (error: HttpException) => void;

/** Reads JSON bodies, all of them together within a bound. */
export class BodyReader {
  constructor(
    private readonly maxBytes: number,
    private readonly inTheMaking: BodiesInTheMaking,
  ) {}

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
    return new Promise((resolve, reject) => this.collect(request, resolve, reject));
  }

  private collect(request: IncomingMessage, resolve: (body: Buffer) => void, reject: Reject): void {
    const decoder = decoderOf(request);
    const parts: Buffer[] = [];
    /** How many of them, from the first, are put together. */
    let joined = 0;
    let bytes = 0;
    let isSettled = false;
    const settle = () => {
      isSettled = true;
      // What it knows of would stay, the body among it, until the connection's next request.
      request.off('close', closed);
      this.inTheMaking.giveBack(bytes);
    };
    const fail: Reject = (error) => {
      if (isSettled) return;
      settle();
      if (request instanceof DivertibleRequest) request.undivert();
      if (decoder) letGo(request, decoder);
      reject(error);
    };
    const chunk = (part: Buffer) => {
      if (isSettled) return;
      bytes += part.length;
      parts.push(part);
      if (parts.length - joined === MAX_LOOSE_PARTS) parts.push(Buffer.concat(parts.splice(joined++)));
      this.inTheMaking.take(part.length);
      if (bytes > this.maxBytes) fail(this.tooLarge());
      else if (this.inTheMaking.areTooMany) fail(tooManyBodies());
    };
    const end = () => {
      if (isSettled) return;
      // Whoever was told that it takes too long may have sent the rest all the same.
      if (!request.socket.writable) return fail(new BadRequestException('body broke off'));
      settle();
      resolve(parts.length === 1 ? parts[0]! : Buffer.concat(parts, bytes));
    };
    // Without an 'error' listener, a request that breaks off only closes; one that has come whole may not have reached the decoder yet.
    const closed = () => {
      if (!request.readableEnded) fail(new BadRequestException('body broke off'));
    };
    request.on('close', closed);
    decoder?.on('error', () => fail(undecodable()));
    deliver(request, decoder, { chunk, end });
  }

  private tooLarge(): PayloadTooLargeException {
    return new PayloadTooLargeException(`body must be at most ${this.maxBytes} bytes`);
  }
}

function undecodable(): BadRequestException {
  return new BadRequestException('body cannot be decompressed as Content-Encoding says');
}

/** What is still to be decompressed of it costs the processor a thousand times its bytes. */
function letGo(request: IncomingMessage, decoder: Transform): void {
  request.unpipe(decoder);
  decoder.destroy();
}

/** Sends a body to `sink`, decompressed: straight from the parser where that is possible. */
function deliver(request: IncomingMessage, decoder: Transform | undefined, sink: BodySink): void {
  if (!decoder && request instanceof DivertibleRequest && request.divert(sink)) return;
  const source: Readable = decoder ? request.pipe(decoder) : request;
  source.on('data', (chunk: Buffer) => sink.chunk(chunk));
  source.on('end', () => sink.end());
}

function decoderOf({ headers }: IncomingMessage): Transform | undefined {
  const encoding = (headers['content-encoding'] ?? 'identity').trim().toLowerCase();
  if (encoding === 'identity' || encoding === '') return undefined;
  if (!Object.hasOwn(DECODERS, encoding)) {
    throw new UnsupportedMediaTypeException('Content-Encoding must be identity, gzip, deflate or br');
  }
  return DECODERS[encoding as keyof typeof DECODERS]();
}

/** What stands between the semicolons of a `Content-Type`; those within quotes are none. */
const PARTS = /(?:[^;"]|"(?:[^"\\]|\\.)*(?:"|\\?$))+/g;

const JSON_TYPE = /^(application\/json|[\w!#$&^.+-]+\/[\w!#$&^.+-]+\+json)$/;

/** RFC 9110, section 8.3.1. A type that a plain form can send is refused: that is a defence against CSRF. */
function assertJson(contentType: string | undefined): void {
  if (contentType === 'application/json') return;
  const [type = '', ...parameters] = (contentType ?? '').toLowerCase().match(PARTS) ?? [];
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
