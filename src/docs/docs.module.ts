import { Module } from '@nestjs/common';
import { DocsController } from './docs.controller.js';
import { InterfaceDocument } from './interface-document.js';

@Module({ controllers: [DocsController], providers: [InterfaceDocument] })
export class DocsModule {}
