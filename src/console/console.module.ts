import { Module } from '@nestjs/common';
import { NotifierModule } from '../notifier/notifier.module.js';
import { FiguresController } from './figures.controller.js';
import { LogController } from './log.controller.js';
import { PageController } from './page.controller.js';

/** The page for operators, and what it asks for beyond what connectors have. */
@Module({
  imports: [NotifierModule],
  controllers: [PageController, FiguresController, LogController],
})
export class ConsoleModule {}
