import { Controller, Get, NotFoundException, Param, Req, Res } from '@nestjs/common';
import type { Request, Response } from 'express';
import { InterfaceDocument } from './interface-document.js';
import { PAGE, pageFiles } from './page-files.js';

/** What this server's HTTP interface is, for people in a browser and for their tools. Open to whoever may send a request at all. */
@Controller()
export class DocsController {
  private readonly files = pageFiles();

  constructor(private readonly document: InterfaceDocument) {}

  @Get('docs')
  page(@Req() request: Request, @Res() response: Response): void {
    // The page names its files beside itself, so that it works below any path that a proxy gives it.
    if (request.path.endsWith('/')) response.redirect(308, '../docs');
    else response.sendFile(PAGE);
  }

  @Get('docs-json')
  async json(@Res() response: Response): Promise<void> {
    response.type('application/json').send(await this.document.json());
  }

  @Get('docs/:file')
  file(@Param('file') name: string, @Res() response: Response): void {
    const path = this.files.get(name);
    if (path === undefined) throw new NotFoundException();
    response.sendFile(path);
  }
}
