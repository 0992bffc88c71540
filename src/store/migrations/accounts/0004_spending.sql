CREATE TABLE `spending` (
	`subject` text PRIMARY KEY NOT NULL,
	`booked_at` integer NOT NULL,
	`hour` integer NOT NULL,
	`day` integer NOT NULL,
	`week` integer NOT NULL,
	`month` integer NOT NULL,
	`total` integer NOT NULL
);
