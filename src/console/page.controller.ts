import { Controller, Get, NotFoundException, Param, Req, Res } from '@nestjs/common';
import type { Request, Response } from 'express';
import { describeError } from '../wire/error-description.js';
import { PageFiles, type PageFile } from './page-files.js';

/** The page is all of this server's own, and nothing of it stands in the markup. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self'",
  "font-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** A file's name holds a digest of its content. */
const FOR_EVER = 'public, max-age=31536000, immutable';

const NOT_BUILT = 'the page is not built: npm run build makes it, and the next start finds it';

/** The page itself. It says nothing about the server, and whoever opens it needs no key until it asks. */
@Controller('console')
export class PageController {
  constructor(private readonly files: PageFiles) {}

  @Get()
  page(@Req() request: Request, @Res() response: Response): void {
    // What the page asks for is found beside its path.
    if (request.path.endsWith('/')) return response.redirect(308, '../console');
    const page = this.files.find('index.html');
    if (page) send(response, page, 'no-cache');
    // Not thrown: a path that is known and not found would be taken for a wrong method.
    else response.status(404).json(describeError(new NotFoundException(NOT_BUILT)));
  }

  @Get('assets/:name')
  asset(@Param('name') name: string, @Res() response: Response): void {
    const file = this.files.find(`assets/${name}`);
    if (!file) throw new NotFoundException();
    send(response, file, FOR_EVER);
  }
}

function send(response: Response, { type, content }: PageFile, cacheControl: string): void {
  response.setHeader('Content-Security-Policy', POLICY);
  response.setHeader('Content-Type', type);
  response.setHeader('Cache-Control', cacheControl);
  response.end(content);
}
