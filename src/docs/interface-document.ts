import { Injectable, type INestApplication } from '@nestjs/common';

/** The OpenAPI document of the running application. */
@Injectable()
export class InterfaceDocument {
  private app: INestApplication | undefined;
  private made: Promise<string> | undefined;

  /** Nest's scanner asks for the application itself, which nothing can be injected with. */
  describes(app: INestApplication): void {
    this.app = app;
  }

  /** As JSON. What makes it is loaded by whoever asks first: 150 ms and 12 MB, which a server that is never asked does without. */
  json(): Promise<string> {
    this.made ??= this.make().catch((error: unknown) => {
      this.made = undefined;
      throw error;
    });
    return this.made;
  }

  private async make(): Promise<string> {
    const { openApiOf } = await import('./openapi.js');
    return JSON.stringify(openApiOf(this.app!));
  }
}
